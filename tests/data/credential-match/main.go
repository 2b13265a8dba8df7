// Which of some credentials Argo CD uses for a repository: reads cases as JSON, and writes them with `used`, the index of
// the credential that Argo CD's own code takes, or -1.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/settings"
)

type testCase struct {
	Credentials []string `json:"credentials"`
	Repository  string   `json:"repository"`
	Used        int      `json:"used"`
}

func secret(index int, url string) runtime.Object {
	kind := common.LabelValueSecretTypeRepository
	if url[len(url)-1] == '/' {
		kind = common.LabelValueSecretTypeRepoCreds
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: "secret-" + strconv.Itoa(index), Namespace: "argocd",
			Labels: map[string]string{common.LabelKeySecretType: kind},
		},
		Data: map[string][]byte{"url": []byte(url), "username": []byte(strconv.Itoa(index)), "password": []byte("x")},
	}
}

func used(each testCase) int {
	objects := []runtime.Object{
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: "argocd-cm", Namespace: "argocd", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"},
		}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Name: "argocd-secret", Namespace: "argocd", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"},
		}},
	}
	for index, url := range each.Credentials {
		objects = append(objects, secret(index, url))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := fake.NewClientset(objects...)
	repository, err := db.NewDB("argocd", settings.NewSettingsManager(ctx, client, "argocd"), client).GetRepository(ctx, each.Repository, "")
	if err != nil {
		panic(err)
	}
	if repository.Username == "" {
		return -1
	}
	index, err := strconv.Atoi(repository.Username)
	if err != nil {
		panic(err)
	}
	return index
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for index := range cases {
		cases[index].Used = used(cases[index])
	}
	if err := json.NewEncoder(os.Stdout).Encode(cases); err != nil {
		panic(err)
	}
}
